"""Statistics of comparisons between methods: pure functions of numbers. Imports numpy and scipy only."""

"""What a person sees of results: first computed as plain values, then drawn."""

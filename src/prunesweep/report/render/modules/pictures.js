// What was pruned, as pictures.

export const pictures = () => [];

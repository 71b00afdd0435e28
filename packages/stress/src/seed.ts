/** The given seed, or one that tells of the moment. */
export const seedOf = (given: string | undefined): number => Number(given ?? Date.now() % 2 ** 31);

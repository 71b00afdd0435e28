/** A value at a time, in seconds. */
export interface Point {
  readonly seconds: number;
  readonly value: number;
}

/** How much the value grows in a second: the slope of the line with the least squares. */
export const growthPerSecond = (points: readonly Point[]): number => {
  const mean = (of: (point: Point) => number): number => points.reduce((sum, one) => sum + of(one), 0) / points.length;
  const seconds = mean((point) => point.seconds);
  const value = mean((point) => point.value);
  const along = mean((point) => (point.seconds - seconds) ** 2);
  return along === 0 ? 0 : mean((point) => (point.seconds - seconds) * (point.value - value)) / along;
};

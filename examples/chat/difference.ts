/** How two transcripts differ, line by line: `-` is only in the expected one, `+` only in the found one. Empty where equal. */
export const difference = (expected: readonly string[], found: readonly string[]): string[] => {
  // How many lines are common to the rest of both, from each pair of lines on.
  const common = Array.from({ length: expected.length + 1 }, () => new Uint32Array(found.length + 1));
  const commonFrom = (e: number, f: number): number => common[e]?.[f] ?? 0;
  for (let e = expected.length - 1; e >= 0; e--) {
    for (let f = found.length - 1; f >= 0; f--) {
      const best =
        expected[e] === found[f] ? commonFrom(e + 1, f + 1) + 1 : Math.max(commonFrom(e + 1, f), commonFrom(e, f + 1));
      common[e]?.fill(best, f, f + 1);
    }
  }
  const lines: string[] = [];
  let [e, f] = [0, 0];
  while (e < expected.length || f < found.length) {
    if (e < expected.length && f < found.length && expected[e] === found[f]) {
      e++;
      f++;
    } else if (f >= found.length || (e < expected.length && commonFrom(e + 1, f) >= commonFrom(e, f + 1))) {
      lines.push(`- ${expected[e++]}`);
    } else {
      lines.push(`+ ${found[f++]}`);
    }
  }
  return lines;
};

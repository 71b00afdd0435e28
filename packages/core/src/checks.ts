import { EZEZError } from "./errors.js";

/** The error of a bad option: it begins with the name. */
export const invalid = (option: string, rule: string): EZEZError =>
  new EZEZError("INVALID_OPTION", `${option} ${rule}`);

/** Throws `INVALID_OPTION` unless the number is an integer within the bounds, or `Infinity` where that is allowed. */
export const checkInteger = (option: string, value: unknown, from: number, to: number, infinite = false): void => {
  if (infinite && value === Infinity) return;
  if (Number.isInteger(value) && (value as number) >= from && (value as number) <= to) return;
  throw invalid(option, `must be an integer from ${from} to ${to}${infinite ? ", or Infinity" : ""}`);
};

/** Throws `INVALID_OPTION` unless the value is one of the choices, or a function where that is allowed. */
export const checkChoice = (option: string, value: unknown, choices: readonly string[], orFunction = false): void => {
  if (choices.includes(value as string) || (orFunction && typeof value === "function")) return;
  throw invalid(
    option,
    `must be ${[...choices.map((c) => `"${c}"`), ...(orFunction ? ["a function"] : [])].join(" or ")}`,
  );
};

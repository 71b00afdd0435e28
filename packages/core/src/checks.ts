import { EZEZError } from "./errors.js";

/** One option: what it is where it is not given, and what it may be, which `text` says behind "must be". */
export interface Rule<TStandard = unknown> {
  readonly standard: TStandard;
  readonly text: string;
  valid(value: unknown): boolean;
}

/** The options that have rules; none is missing that has a default. */
export type Resolved<TOptions, TRules> = {
  readonly [K in keyof TOptions & keyof TRules]-?: TRules[K] extends Rule<undefined>
    ? TOptions[K] | undefined
    : Exclude<TOptions[K], undefined>;
};

// The longest delay that setTimeout takes; sizes have the same bound.
const LARGEST = 2 ** 31 - 1;

/** An integer within the bounds. `Infinity` is one where it is the upper bound. */
export const integer = <T extends number | undefined>(standard: T, from = 1, to: number = LARGEST): Rule<T> => ({
  standard,
  text: `an integer from ${from} to ${to}`,
  valid: (value) =>
    (Number.isSafeInteger(value) || value === to) && (value as number) >= from && (value as number) <= to,
});

/** One of these values, the first by default. `Function` stands for any function. */
export const oneOf = <T>(standard: T, ...others: unknown[]): Rule<T> => {
  const choices = [standard, ...others];
  const texts = choices.map((choice) => (choice === Function ? "a function" : JSON.stringify(choice)));
  return {
    standard,
    text: texts.filter((text) => text !== undefined).join(" or "),
    valid: (value) => choices.includes(typeof value === "function" ? Function : value),
  };
};

/** The error of a bad option: it begins with the name. */
export const invalid = (option: string, text: string): EZEZError =>
  new EZEZError("INVALID_OPTION", `${option} must be ${text}`);

/**
 * Checks options, and fills in the defaults.
 * @throws EZEZError `INVALID_OPTION`, which names the option that breaks its rule
 */
export const resolve = <TOptions extends object, TRules extends Readonly<Record<string, Rule>>>(
  rules: TRules,
  options: TOptions,
  name = "options",
): Resolved<TOptions, TRules> => {
  if (Object(options) !== options) throw invalid(name, "an object");
  const resolved: Record<string, unknown> = {};
  for (const [option, { standard, text, valid }] of Object.entries(rules)) {
    // By name: options may be an object whose own are getters of its class.
    const value = (options as Record<string, unknown>)[option];
    if (value !== undefined && !valid(value)) throw invalid(option, text);
    resolved[option] = value === undefined ? standard : value;
  }
  // Every option that has a rule is there, and what is undefined has no default.
  return resolved as Resolved<TOptions, TRules>;
};

/**
 * Callbacks may be the methods of an object of the user's, whose other properties are its own.
 * @throws EZEZError `INVALID_OPTION`, which names the one that is given and no function
 */
export const checkFunctions = (callbacks: object, names: readonly string[]): void => {
  const rule = oneOf(undefined, Function);
  resolve(Object.fromEntries(names.map((name) => [name, rule])), callbacks, "callbacks");
};

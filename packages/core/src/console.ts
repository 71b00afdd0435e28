import { EZEZError } from "./errors.js";

/** Prints an error. Never throws: what a callback threw may be something that not even printing can look at. */
export const tellConsole = (error: unknown): void => {
  try {
    console.error(error);
  } catch {
    console.error(error instanceof EZEZError ? `${error.code}: ${error.message}` : "an error");
  }
};

const told = new Set<string>();

/** Warns, once, where what the server runs on is older than it is made for. */
export const warnIfOlder = (name: string, version: string, minimum: string): void => {
  if (version.localeCompare(minimum, "en", { numeric: true }) >= 0 || told.has(name)) return;
  told.add(name);
  tellConsole(`ezez-ws: ${name} ${version} is too old: use ${minimum} or later`);
};

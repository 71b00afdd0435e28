import { EZEZError } from "./errors.js";

/** Prints an error. Never throws: what a callback threw may be something that not even printing can look at. */
export const tellConsole = (error: unknown): void => {
  try {
    console.error(error);
  } catch {
    console.error(error instanceof EZEZError ? `${error.code}: ${error.message}` : "an error that cannot be printed");
  }
};

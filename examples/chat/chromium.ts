// Finds a Chromium, for the browser tests and the screenshot.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FOLDERS = ["/usr/bin", "/usr/local/bin", "/snap/bin", "/opt/google/chrome"];

const ARGS = [
  "--no-sandbox",
  "--headless",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** @returns its path: that in the variable CHROMIUM, or else that of an installed one */
export const findChromium = (): string | undefined => {
  const given = process.env.CHROMIUM;
  if (given !== undefined && given !== "") return isExecutable(given) ? given : undefined;
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""), ...FOLDERS];
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
};

export const launchChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ARGS });

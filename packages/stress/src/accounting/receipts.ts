import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What servers wrote down of what came, one file for each of them. */
export class Receipts {
  readonly #folder = mkdtempSync(join(tmpdir(), "accounting-"));
  readonly #files: string[] = [];

  /** A file for the next server. */
  next(): string {
    const file = join(this.#folder, String(this.#files.length));
    this.#files.push(file);
    return file;
  }

  /** The words of each line, server by server. */
  read(): string[][] {
    return this.#files.flatMap((file, server) =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        // Connections are counted anew by each server.
        .map((line) => line.replace(/^got /, `got ${server}/`).split(" ")),
    );
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

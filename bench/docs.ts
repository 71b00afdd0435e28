/** Puts results/latest.json into the documents, as a plot and as a table: `pnpm bench:docs`. */
import { readFileSync, writeFileSync } from "node:fs";
import { withGenerated } from "../tools/generated.js";
import { figuresOf } from "./figures.js";
import { draw } from "./plot.js";
import type { Results } from "./results.js";

const RESULTS = new URL("results/latest.json", import.meta.url);
const IMAGE = new URL("../docs/images/bench.svg", import.meta.url);
const DOCUMENT = new URL("../docs/performance.md", import.meta.url);

const results = JSON.parse(readFileSync(RESULTS, "utf8")) as Results;
writeFileSync(IMAGE, draw(results));
writeFileSync(DOCUMENT, withGenerated(readFileSync(DOCUMENT, "utf8"), "bench", figuresOf(results.cells)));

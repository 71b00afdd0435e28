// pnpm accounting [--messages N] [--adapter ws|uws|bun|deno|all] [--seed N]
import { parseArgs } from "node:util";
import { runAccounting } from "./accounting/run.js";
import { chosenAdapters } from "./adapters.js";
import { printChecks } from "./check.js";
import { seedOf } from "./seed.js";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "200000" },
    adapter: { type: "string", default: "ws" },
    seed: { type: "string" },
  },
});
const messages = Number(values.messages);
if (!(messages > 0)) throw new Error("--messages is a number above 0");
const seed = seedOf(values.seed);

console.log(`accounting: ${messages} messages, seed ${seed}`);
for (const adapter of chosenAdapters(values.adapter)) {
  const checks = await runAccounting({ adapter, messages, seed });
  if (!printChecks(`accounting on ${adapter}`, checks)) process.exitCode = 1;
}

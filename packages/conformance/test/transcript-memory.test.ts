import { inMemory } from "../src/rows/memory.js";
import { describeTranscripts } from "../src/transcript/describe.js";

for (const closesSynchronously of [true, false]) describeTranscripts(inMemory(closesSynchronously), "simulated");

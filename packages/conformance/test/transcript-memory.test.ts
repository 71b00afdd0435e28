import { describeTranscripts } from "../src/transcript/describe.js";
import { inMemory } from "../src/transcript/row.js";

for (const closesSynchronously of [true, false]) {
  const how = closesSynchronously ? "synchronously" : "asynchronously";
  describeTranscripts(`memory, closing ${how}`, inMemory({ closesSynchronously }), { readsRegisteredCloseCodes: true });
}

import { defineConfig } from "tsup";
import { library } from "../../tsup.base.ts";

// The shim gives the CJS build an `import.meta.url`, from which uWebSockets.js is resolved when it is needed.
export default defineConfig({ ...library, shims: true });

// What is in the packages as they are packed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { read } from "./documents.js";

/** Each published package, and all that is installed with it. Peers are the user's own. */
const PUBLISHED: Readonly<Record<string, readonly string[]>> = {
  core: ["mitt"],
  client: ["@ezez-ws/core"],
  // Its declarations name those of ws.
  "adapter-ws": ["@ezez-ws/core", "@types/ws"],
  "adapter-uws": ["@ezez-ws/core"],
  "adapter-bun": ["@ezez-ws/core"],
  "adapter-deno": ["@ezez-ws/core"],
};

const { packageManager } = JSON.parse(read("package.json"));
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ezez-ws-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const pack = (name: string): { manifest: string; files: string[] } => {
  const cwd = fileURLToPath(new URL(`../packages/${name}`, import.meta.url));
  const tarball = join(folder, `${name}.tgz`);
  execFileSync("npx", ["--prefer-offline", "-y", packageManager, "pack", "--out", tarball], { cwd, stdio: "pipe" });
  const files = execFileSync("tar", ["tzf", tarball], { encoding: "utf8" }).trim().split("\n");
  execFileSync("tar", ["xzf", tarball, "-C", folder, "package/package.json"]);
  return { manifest: readFileSync(join(folder, "package/package.json"), "utf8"), files };
};

describe.each(Object.entries(PUBLISHED))("%s", (name, dependencies) => {
  let packed: ReturnType<typeof pack>;
  beforeAll(() => {
    packed = pack(name);
  }, 120_000);
  const manifest = () => JSON.parse(packed.manifest);

  test("brings nothing but these with it", () => {
    expect(Object.keys(manifest().dependencies).sort()).toEqual([...dependencies].sort());
    expect(manifest().optionalDependencies).toBeUndefined();
    expect(manifest().bundledDependencies ?? manifest().bundleDependencies).toBeUndefined();
    expect(packed.manifest).not.toContain("workspace:");
  });

  test("runs nothing when it is installed", () => {
    const scripts = Object.keys(manifest().scripts ?? {});
    expect(scripts.filter((script) => /install|prepare|publish/.test(script))).toEqual([]);
    expect(manifest().bin).toBeUndefined();
    // npm builds what has one.
    expect(packed.files).not.toContain("package/binding.gyp");
  });

  test("holds the build, its licence and its README alone", () => {
    const others = packed.files.filter((file) => !file.startsWith("package/dist/"));
    expect(others.sort()).toEqual(["package/LICENSE", "package/README.md", "package/package.json"]);
  });

  test("is public, and has provenance as soon as it names its repository", () => {
    const { publishConfig, repository, license } = manifest();
    expect({ access: publishConfig.access, license }).toEqual({ access: "public", license: "MIT" });
    expect(publishConfig.provenance === true).toBe(repository !== undefined);
  });
});

test("these are all that is published", () => {
  const list = execFileSync(
    "npx",
    ["--prefer-offline", "-y", packageManager, "-r", "list", "--depth", "-1", "--json"],
    {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      encoding: "utf8",
    },
  );
  const projects = JSON.parse(list) as { name: string; private: boolean }[];
  const names = projects.filter((project) => !project.private).map((project) => project.name);
  expect(names.sort()).toEqual(
    Object.keys(PUBLISHED)
      .map((name) => `@ezez-ws/${name}`)
      .sort(),
  );
});

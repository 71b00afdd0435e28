// What imports what. The order of the layers is the table of contents of the core.
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const packages = fileURLToPath(new URL("../../", import.meta.url));
const core = join(packages, "core", "src");

/** The rows of the table in docs/architecture.md, each with how long its longest file may be. */
const rows = [
  ...readFileSync(join(packages, "..", "docs", "architecture.md"), "utf8").matchAll(
    /^\| (`.+\.ts`) \|.*\| (\d+) \|$/gm,
  ),
].map(([, files = "", lines]) => ({
  files: [...files.matchAll(/`(.+?)\.ts`/g)].map(([, name = ""]) => name),
  lines: Number(lines),
}));

/** A file imports from the rows above its own. */
const layerOf = new Map(
  [...rows.map(({ files }) => files), ["index"]].flatMap((names, layer) =>
    names.map((name): [string, number] => [name, layer]),
  ),
);

const sourcesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));

const parse = (file: string): ts.SourceFile =>
  ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);

const visit = (node: ts.Node, see: (node: ts.Node) => void): void => {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
};

/** What a file imports, exports from, or names in `import()`, types too. */
const importsOf = (source: ts.SourceFile): string[] => {
  const found: string[] = [];
  visit(source, (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      found.push((node.moduleSpecifier as ts.StringLiteral).text);
    } else if (ts.isImportTypeNode(node)) {
      found.push(node.argument.getText().slice(1, -1));
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.push(node.arguments[0]?.getText().slice(1, -1) ?? "");
    }
  });
  return found;
};

const nameOf = (file: string): string => relative(core, file).replace(/\.ts$/, "").replaceAll("\\", "/");

describe("core", () => {
  const files = sourcesIn(core).filter((file) => !file.endsWith(".d.ts"));

  it("every file is in the table, and every file of the table is there", () => {
    expect(files.map(nameOf).sort()).toEqual([...layerOf.keys()].sort());
  });

  it.each(files.map((file) => [nameOf(file), file]))("%s imports from rows above its own", (name, file) => {
    for (const specifier of importsOf(parse(file))) {
      if (name === "emitter" && specifier === "mitt") continue;
      expect(specifier).toMatch(/^\.\.?\/.*\.js$/);
      const target = nameOf(join(dirname(file), specifier.replace(/\.js$/, ".ts")));
      expect(layerOf.get(target), `${name} imports ${target}`).toBeLessThan(layerOf.get(name) ?? -1);
    }
  });

  it.each(rows.map(({ files, lines }) => [files.join(", "), files, lines] as const))(
    "%s is as long as is said",
    (_, names, most) => {
      const longest = Math.max(
        ...names.map((name) => readFileSync(join(core, `${name}.ts`), "utf8").split("\n").length - 1),
      );
      expect(longest).toBeLessThanOrEqual(most);
      // Or else the number says nothing any more.
      expect(longest).toBeGreaterThan(most - 50);
    },
  );

  it("names no global but JavaScript's own and those of globals.d.ts", () => {
    const program = ts.createProgram([...files, join(core, "globals.d.ts")], {
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2023.d.ts"],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      types: [],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    });
    const unknown = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "))
      .filter((message) => message.startsWith("Cannot find name"));
    expect(unknown).toEqual([]);
  });

  const runtimeNames = [
    "Buffer",
    "process",
    "Bun",
    "Deno",
    "require",
    "global",
    "globalThis",
    "window",
    "WebSocket",
    "self",
  ];

  it.each(files.map((file) => [nameOf(file), file]))("%s names no runtime", (_, file) => {
    visit(parse(file), (node) => {
      if (ts.isIdentifier(node)) expect(runtimeNames).not.toContain(node.text);
      if (ts.isStringLiteralLike(node)) expect(node.text).not.toMatch(/^(node:|bun:|ws$|uWebSockets)/);
    });
  });

  it("globals.d.ts declares no more than this", () => {
    const declared: string[] = [];
    ts.forEachChild(parse(join(core, "globals.d.ts")), (node) => {
      if (ts.isVariableStatement(node))
        declared.push(...node.declarationList.declarations.map((own) => own.name.getText()));
      else if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) declared.push(node.name?.text ?? "");
    });
    expect(declared.sort()).toEqual([
      "TextDecoder",
      "TextEncoder",
      "clearInterval",
      "clearTimeout",
      "console",
      "performance",
      "setInterval",
      "setTimeout",
      "structuredClone",
    ]);
  });
});

const adapters = readdirSync(packages)
  .filter((name) => name.startsWith("adapter-"))
  .flatMap((name) => sourcesIn(join(packages, name, "src")));

describe.each(adapters.map((file) => [relative(packages, file), file]))("%s", (_, file) => {
  const source = parse(file);

  it("imports of the core only what is public", () => {
    for (const specifier of importsOf(source)) {
      expect(specifier).not.toMatch(/core\/|^\.\.\/\.\./);
      if (specifier.includes("ezez")) expect(specifier).toBe("@ezez-ws/core");
    }
  });

  it("holds no word of the protocol", () => {
    const words = [
      "FrameCodec",
      "PROTOCOL_VERSION",
      "ReservedEvent",
      "RejectReason",
      "VERSION_MISMATCH",
      "WireLimit",
      "Channel",
    ];
    visit(source, (node) => {
      if (ts.isIdentifier(node)) {
        expect(words).not.toContain(node.text);
        expect(node.text).not.toMatch(/^(encode|decode)(Parts|Reserved|Frame|Message|Value)$/);
      }
      if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
        expect(node.text).not.toMatch(/ezez-ws::|auth-ok|auth-rejected|Invalid auth key|Auth timeout/);
      }
    });
  });
});

it("there are adapters", () => {
  expect(adapters.map((file) => basename(file))).toContain("server.ts");
});

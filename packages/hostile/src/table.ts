import { client } from "./cases/client.js";
import { GROUPS } from "./cases/index.js";
import type { Outcome } from "./outcome.js";
import { isClient, type Row } from "./row.js";

export interface RowOutcomes {
  readonly row: Row;
  /** Why the row did not run. */
  readonly obstacle: string | undefined;
  readonly outcomes: readonly Outcome[];
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const escaped = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const cellOf = ({ obstacle, outcomes }: RowOutcomes, number: number): string => {
  if (obstacle !== undefined) return `skipped: ${escaped(obstacle)}`;
  const outcome = outcomes.find((one) => one.number === number);
  if (outcome === undefined) return "";
  if (outcome.result === "skip") return `skipped: ${escaped(outcome.why)}`;
  if (outcome.result === "fail") return "**FAIL**";
  return outcome.differs.length === 0 ? "pass" : `pass, ${outcome.differs.map((name) => `\`${name}\``).join(", ")}`;
};

/** The results as Markdown. */
export const tableOf = (all: readonly RowOutcomes[]): string =>
  Object.entries(GROUPS)
    .map(([heading, cases]) => {
      const shown = all.filter(({ row }) => isClient(row) === (cases === client));
      const lines = cases.map(({ number, title }) =>
        line([String(number), escaped(title), ...shown.map((row) => cellOf(row, number))]),
      );
      const head = ["", "", ...shown.map(({ row }) => row.title)];
      return [`### ${heading}`, "", line(head), line(head.map(() => "---")), ...lines].join("\n");
    })
    .join("\n\n");

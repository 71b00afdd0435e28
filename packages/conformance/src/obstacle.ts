import type { Row } from "./row.js";

/** Why a row cannot start here; undefined where it can. */
export const obstacle = async ({ create }: Row): Promise<string | undefined> => {
  const server = create({ port: 0 }, { onAuthRequest: () => false });
  try {
    await server.start();
    return undefined;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return cause.split("\n")[0];
  } finally {
    await server.close();
  }
};

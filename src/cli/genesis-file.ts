import type { Host } from "#host";
import { formatGenesis, type Genesis, parseGenesis } from "#params";
import { utf8Encode } from "#util";
import { CliError } from "./errors.ts";

/** Largest genesis file read: geth's mainnet allocation is 0.4 MB of JSON. */
const MAX_BYTES = 64 << 20;

/** Reads a genesis in geth's JSON format. @throws CLI_BAD_FILE with what is wrong and where */
export async function readGenesis(path: string, { files }: Pick<Host, "files">): Promise<Genesis> {
  const bytes = await files.readFile(path).catch((error: unknown) => {
    throw CliError("BAD_FILE", {
      path,
      why: `cannot read the genesis file: ${error instanceof Error ? error.message : String(error)}`,
    });
  });
  if (bytes === undefined)
    throw CliError("BAD_FILE", { path, why: "there is no such genesis file (--genesis)" });
  if (bytes.length > MAX_BYTES) throw CliError("BAD_FILE", { path, why: "too large for a genesis file" });
  try {
    return parseGenesis(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    throw CliError("BAD_FILE", {
      path,
      why: `not a genesis in geth's format: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

/** Writes a genesis in geth's JSON format. @throws CLI_BAD_FILE */
export async function writeGenesis(
  path: string,
  genesis: Genesis,
  { files }: Pick<Host, "files">,
): Promise<void> {
  const text = `${JSON.stringify(formatGenesis(genesis), undefined, 2)}\n`;
  await files.writeFileAtomic(path, utf8Encode(text), { mode: 0o644 }).catch((error: unknown) => {
    throw CliError("BAD_FILE", {
      path,
      why: `cannot write the genesis file: ${error instanceof Error ? error.message : String(error)}`,
    });
  });
}

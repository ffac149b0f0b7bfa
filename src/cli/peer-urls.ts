import { formatEnode, parseNode } from "#enode";
import { CliError } from "./errors.ts";

/** The nodes of `--peer`, given as enode URLs or records, as URLs in their one form. @throws CLI_BAD_FLAG */
export function readPeers(urls: readonly string[]): readonly string[] {
  return urls.map((url) => {
    try {
      return formatEnode(parseNode(url));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw CliError("BAD_FLAG", { flag: "--peer", why: `"${url.slice(0, 60)}" is no enode URL: ${why}` });
    }
  });
}

import { formatEnode, parseEnode } from "#enode";
import { CliError } from "./errors.ts";

/** The enode URLs of `--peer`, in their one form. @throws CLI_BAD_FLAG */
export function readPeers(urls: readonly string[]): readonly string[] {
  return urls.map((url) => {
    try {
      return formatEnode(parseEnode(url));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw CliError("BAD_FLAG", { flag: "--peer", why: `"${url.slice(0, 60)}" is no enode URL: ${why}` });
    }
  });
}

import { type Enode, parseEnode } from "#enode";
import type { Host } from "#host";
import type { Logger } from "#log";

/** BOUNDED: most entries taken from a node list file. */
const MAX_NODES = 10_000;

/**
 * Reads static-nodes.json or trusted-nodes.json: a JSON array of enode URLs. A missing file is `undefined`. Broken JSON
 * loses the whole list, a bad URL only itself; both are logged (geth node/config.go:346-387@v1.8.27).
 */
export async function loadNodeList(
  path: string,
  { files }: Pick<Host, "files">,
  log: Logger,
): Promise<readonly Enode[] | undefined> {
  const file = await files.readFile(path);
  if (file === undefined) return undefined;
  log.warn("node list file is deprecated, name the nodes in the config instead", { path });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(file));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    log.error("node list file is not JSON", { path });
    return undefined;
  }
  if (!Array.isArray(value)) {
    log.error("node list file holds no list", { path });
    return undefined;
  }
  const nodes: Enode[] = [];
  for (const [index, url] of value.slice(0, MAX_NODES).entries()) {
    if (url === "") continue;
    try {
      nodes.push(parseEnode(String(url)));
    } catch (error) {
      log.error("node list file holds a bad enode URL", { path, index, error });
    }
  }
  return nodes;
}

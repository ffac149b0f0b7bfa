import { type PrivateKey, publicKeyOf } from "#crypto";
import { type Enr, formatEnr } from "#enr";
import { formatBranch, formatRoot, formatTreeUrl, nameOf } from "./entries.ts";

/** Names in a branch, so that its text fits into an answer of 512 bytes. geth p2p/dnsdisc/tree.go:maxChildren */
const CHILDREN = Math.floor((512 - 79 - "enrtree-branch:".length) / 27);

/** A list, ready to be published. */
export interface SignedTree {
  /** `enrtree://…` */
  readonly url: string;
  /** DNS name → TXT record. */
  readonly records: ReadonlyMap<string, string>;
}

/**
 * Makes a list of nodes and of links to other lists (their URLs), and signs it.
 *
 * @param seq - has to grow with each version of the list
 */
export function makeTree({ seq, nodes, links = [], domain }: TreeContent, key: PrivateKey): SignedTree {
  const records = new Map<string, string>();
  const put = (text: string): string => {
    const name = nameOf(text);
    records.set(`${name}.${domain}`, text);
    return name;
  };
  const top = (texts: readonly string[]): string => {
    let names = texts.map(put);
    for (;;) {
      if (names.length === 1 && texts.length > 0) return names[0] ?? "";
      if (names.length <= CHILDREN) return put(formatBranch(names));
      const level = names;
      names = [];
      for (let from = 0; from < level.length; from += CHILDREN)
        names.push(put(formatBranch(level.slice(from, from + CHILDREN))));
    }
  };
  const root = { nodes: top(nodes.map(formatEnr)), links: top(links), seq };
  records.set(domain, formatRoot(root, key));
  return { url: formatTreeUrl({ publicKey: publicKeyOf(key), domain }), records };
}

interface TreeContent {
  readonly seq: number;
  readonly nodes: readonly Enr[];
  readonly links?: readonly string[];
  readonly domain: string;
}

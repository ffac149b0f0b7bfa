import { formatEnode } from "#enode";
import { type Enr, enrEntries, formatEnr, readEntry } from "#enr";
import { toHex } from "#util";
import type { Command } from "./command.ts";
import type { TableRow } from "./flags.ts";
import { namedNode } from "./searcher.ts";

const none = [] as const satisfies readonly TableRow[];
const KEY_WIDTH = 10;

const line = (name: string, value: string | number | bigint) => `${name.padEnd(KEY_WIDTH)} ${value}`;
/** Control characters and quotes of strangers escaped. */
const quoted = (bytes: Uint8Array | string) =>
  JSON.stringify(typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes));

/** An entry in words; as it stands where it is none of the known ones, or not of their shape. */
function valueOf(record: Enr, key: string, raw: Uint8Array): string {
  const { eth, client, id, secp256k1 } = enrEntries;
  if (key === secp256k1.key) return toHex(readEntry(record, secp256k1) ?? raw);
  if (key === id.key) return quoted(readEntry(record, id) ?? "");
  if (key === eth.key) return forkIdOf(record) ?? toHex(raw);
  if (key === client.key) {
    const told = readEntry(record, client);
    return told === undefined ? toHex(raw) : `${quoted(told.name)} ${quoted(told.version)}`;
  }
  for (const known of [
    enrEntries.ip,
    enrEntries.ip6,
    enrEntries.tcp,
    enrEntries.tcp6,
    enrEntries.udp,
    enrEntries.udp6,
  ]) {
    const value =
      known.key === key ? readEntry<string | number>(record, known as typeof enrEntries.ip) : undefined; // as: printed alike
    if (value !== undefined) return String(value);
  }
  return toHex(raw);
}

function forkIdOf(record: Enr): string | undefined {
  const told = readEntry(record, enrEntries.eth);
  return told === undefined ? undefined : `${toHex(told.forkId.hash)}, next fork at ${told.forkId.next}`;
}

function linesOf(record: Enr): readonly string[] {
  const forkId = forkIdOf(record);
  return [
    line("seq", record.seq),
    ...(forkId === undefined ? [] : [line("fork id", forkId)]),
    line("record", formatEnr(record)),
    line("bytes", record.bytes.length),
    "",
    ...[...record.pairs].map(
      ([key, raw]) => `  ${quoted(key).padEnd(KEY_WIDTH + 4)} ${valueOf(record, key, raw)}`,
    ),
  ];
}

/** `glim enr`: a node record, or the URL of a node, in words. Its signature has been checked. */
export const enr: Command<typeof none> = {
  usage: "glim enr RECORD|URL",
  details:
    "Prints what a node record (enr:…) says, every key of it, once its signature is proven; or what an enode URL says.",
  flags: none,
  words: 1,
  async run({ rest }, io) {
    const node = namedNode(rest[0], "NODE");
    io.print(line("node id", node.id));
    io.print(line("enode", formatEnode(node)));
    io.print(line("ip", node.ip ?? "none"));
    io.print(line("tcp", node.tcp));
    io.print(line("udp", node.udp));
    for (const text of node.record === undefined ? [] : linesOf(node.record)) io.print(text);
  },
};

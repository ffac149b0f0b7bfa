import { decodeAs, RlpError, RlpReader, type Schema } from "#rlp";

/** Shorter lists are decoded in one go: a few milliseconds. */
const SHORT_BYTES = 32 * 1024;

/**
 * Decodes a list as `decodeAs` does, and lets others run in between: an answer of two megabytes with a hash for each of its transactions is a
 * tenth of a second of work.
 * @param pace asked after each item, and awaited if it says so
 * @throws RLP_* as `decodeAs`
 */
export async function decodeInParts<T>(
  schema: Schema<readonly T[]>,
  bytes: Uint8Array,
  pace: () => Promise<void> | undefined,
): Promise<readonly T[]> {
  const { shape } = schema;
  if (shape.kind !== "list" || bytes.length < SHORT_BYTES) return decodeAs(schema, bytes);
  const reader = new RlpReader(bytes);
  const outer = reader.enter(shape.max);
  if (reader.end !== bytes.length) throw RlpError("TRAILING", { offset: reader.end });
  const items: T[] = [];
  while (reader.pos < reader.end) {
    items.push(shape.of.read(reader) as T); // the schema's own items
    const wait = pace();
    if (wait !== undefined) await wait;
  }
  reader.leave(outer);
  return items;
}

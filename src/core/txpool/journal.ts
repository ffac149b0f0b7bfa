import { type Transaction, transactionRlp } from "#core/types";
import type { Files } from "#host";
import type { Logger } from "#log";
import { decodeAs, encodeAs, splitItems } from "#rlp";
import { concatBytes, GlimError } from "#util";

/**
 * The file that keeps local transactions over a restart, in geth's form: RLP transactions, one after the other
 * (`transactions.rlp`). A line is in the kernel before the transaction's hash is given out, so that a kill loses nothing.
 */
export class TxJournal {
  readonly #path: string;
  readonly #files: Pick<Files, "readFile" | "writeFileAtomic" | "append">;
  readonly #log: Logger;
  /** Writes run one after the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, files: Pick<Files, "readFile" | "writeFileAtomic" | "append">, log: Logger) {
    this.#path = path;
    this.#files = files;
    this.#log = log;
  }

  /** All whole transactions of the file. What a crash cut off at its end is left out (TX-08). */
  async load(): Promise<readonly Transaction[]> {
    const bytes = await this.#files.readFile(this.#path);
    if (bytes === undefined) return [];
    const { transactions, damaged } = readJournal(bytes);
    if (damaged > 0)
      this.#log.warn("the journal of local transactions has a damaged end, which is left out", {
        bytes: damaged,
      });
    return transactions;
  }

  append(tx: Transaction): Promise<void> {
    return this.#enqueue(() => this.#files.append(this.#path, encodeAs(transactionRlp, tx)));
  }

  /** Writes the file anew with only these. */
  rotate(transactions: readonly Transaction[]): Promise<void> {
    const bytes = concatBytes(...transactions.map((tx) => encodeAs(transactionRlp, tx)));
    return this.#enqueue(() => this.#files.writeFileAtomic(this.#path, bytes));
  }

  #enqueue(write: () => Promise<void>): Promise<void> {
    const next = this.#writing.then(write);
    this.#writing = next.catch(() => {});
    return next;
  }
}

function readJournal(bytes: Uint8Array): { transactions: Transaction[]; damaged: number } {
  const transactions: Transaction[] = [];
  let read = 0;
  try {
    for (const item of splitItems(bytes)) {
      transactions.push(decodeAs(transactionRlp, item.slice())); // a copy: the file's bytes are not kept
      read += item.length;
    }
  } catch (error) {
    if (!(error instanceof GlimError)) throw error; // what does not decode is the damage
  }
  return { transactions, damaged: bytes.length - read };
}

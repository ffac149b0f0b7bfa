import type { Log } from "#core/types";
import { memoryAt, type TraceExit, type TraceFrame, type Tracer, type TraceStep } from "#core/vm";
import { bigintToBytes, concatBytes, fromHex } from "#util";

const TRANSFER = fromHex("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/** ERC-7528. */
const ETHER = fromHex("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
const LOG0 = 0xa0;
const LOG_OPS: ReadonlySet<number> = new Set([0, 1, 2, 3, 4].map((topics) => LOG0 + topics));

const word = (address: Uint8Array) => concatBytes(new Uint8Array(12), address);

/**
 * Logs of one call, and on demand its movements of ether as logs (internal/ethapi/logtracer.go@v1.17.5). What failed is left
 * out, but has had its index. BOUNDED by gas.
 */
export class TransferLogs implements Tracer {
  readonly ops = LOG_OPS;
  readonly #traceTransfers: boolean;
  /** Logs of the frames that are open. */
  #open: [Log, number][][] = [];
  #told: [Log, number][] = [];
  nextIndex: number;

  constructor(options: { readonly traceTransfers: boolean; readonly firstIndex: number }) {
    this.#traceTransfers = options.traceTransfers;
    this.nextIndex = options.firstIndex;
  }

  get logs(): readonly Log[] {
    return this.#told.map(([log]) => log);
  }

  get indexes(): readonly number[] {
    return this.#told.map(([, index]) => index);
  }

  enter({ type, from, to, value }: TraceFrame): void {
    this.#open.push([]);
    const isMoving = type !== "DELEGATECALL" && type !== "CALLCODE" && value !== undefined && value > 0n;
    if (this.#traceTransfers && isMoving)
      this.#add({ address: ETHER, topics: [TRANSFER, word(from), word(to)], data: bigintToBytes(value, 32) });
  }

  step({ op, stack, memory, address, error }: TraceStep): void {
    if (error !== undefined) return;
    const at = (place: number) => stack[stack.length - 1 - place] ?? 0n;
    const topics = Array.from({ length: op - LOG0 }, (_, i) => bigintToBytes(at(2 + i), 32));
    this.#add({ address: address.slice(), topics, data: memoryAt(memory, at(0), at(1)) });
  }

  exit({ error }: TraceExit): void {
    const logs = this.#open.pop() ?? [];
    if (error !== undefined) return;
    const above = this.#open.at(-1);
    if (above === undefined) this.#told = logs;
    else for (const log of logs) above.push(log);
  }

  #add(log: Log): void {
    this.#open.at(-1)?.push([log, this.nextIndex++]);
  }
}

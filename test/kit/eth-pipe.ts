// Peers of the eth protocol in virtual time: our end runs what is tested, the other end says what the test wants, message by message.
import { makeHeader, type Header, type HeaderFields } from "#core/types";
import { keccak256 } from "#crypto";
import {
  type EthChain,
  type EthStatus,
  type EthTable,
  type EthVersion,
  ethTable,
  statusOf,
} from "#eth/protocols";
import type { SimulatedClock } from "#host/sim";
import { silentLogger } from "#log";
import { devForks } from "#params";
import { type DisconnectReason, messagePipe, type Msg, type MsgReadWriter, type Peer } from "#p2p";
import { ByteMap, deferred, toHex, utf8Encode } from "#util";

type Decoded = ReturnType<EthTable["decode"]>;

export interface RemoteOptions {
  readonly version: EthVersion;
  readonly clock: SimulatedClock;
  readonly name?: string;
  readonly isTrusted?: boolean;
  /** Our end. */
  readonly run: (peer: Peer, rw: MsgReadWriter, signal: AbortSignal) => Promise<void>;
}

/** The other end of a connection. */
export class EthRemote {
  readonly table: EthTable;
  readonly peer: Peer;
  /** What our end's `run` ended with: an error, or undefined. */
  readonly ended: Promise<unknown>;
  isOver = false;
  readonly #pipe;
  #nextId = 1n;
  /** A read that `drain` has begun and nobody has taken. */
  #reading: Promise<Msg> | undefined;

  constructor({ version, clock, name = "remote", isTrusted = false, run }: RemoteOptions) {
    this.table = ethTable(version);
    const [mine, theirs] = messagePipe({ clock });
    this.#pipe = mine;
    this.peer = {
      id: toHex(keccak256(utf8Encode(name))).slice(2),
      name,
      isTrusted,
      log: silentLogger,
      disconnect: (_: DisconnectReason) => mine.close(),
    } as unknown as Peer; // our end reads no more of it
    const over = new AbortController();
    const ended = deferred<unknown>();
    this.ended = ended.promise;
    run(this.peer, theirs, over.signal).then(
      () => ended.resolve(undefined),
      (error: unknown) => ended.resolve(error),
    );
    void this.ended.then(() => {
      this.isOver = true;
      mine.close();
      over.abort(new Error("over"));
    });
  }

  send(name: keyof EthTable["messages"], body: unknown, reqId = this.#nextId++): void {
    const { code, payload } = this.table.encode(name, body as never, { reqId }); // tests know the rows
    this.sendRaw(code, payload);
  }

  sendRaw(code: number, payload: Uint8Array): void {
    this.#pipe.writeMsg(code, payload).catch(() => {});
  }

  async next(): Promise<Decoded> {
    const reading = this.#reading ?? this.#pipe.readMsg();
    this.#reading = undefined;
    return this.table.decode(await reading);
  }

  /** The next message, which must be that one. */
  async expect(name: string): Promise<Decoded> {
    const message = await this.next();
    if (message.name !== name) throw new Error(`${message.name} came, not ${name}`);
    return message;
  }

  /** Sends and reads the reply's body. */
  async request(name: keyof EthTable["messages"], body: unknown): Promise<unknown> {
    this.send(name, body);
    return (await this.next()).body;
  }

  /** Everything that has come, without waiting for more. */
  async drain(): Promise<Decoded[]> {
    const got: Decoded[] = [];
    for (;;) {
      this.#reading ??= this.#pipe.readMsg();
      const message = await Promise.race([this.#reading, settled()]).catch(() => undefined);
      if (message === undefined) return got;
      got.push(await this.next());
    }
  }

  close(error?: unknown): void {
    this.#pipe.close(error);
  }
}

/** After what is on its way has arrived. */
export async function settled(): Promise<undefined> {
  for (let i = 0; i < 8; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  return undefined;
}

/** A right status of someone on that chain. */
export function statusOn(chain: EthChain, version: EthVersion, changes: Partial<EthStatus> = {}): EthStatus {
  return { ...statusOf(chain, version, chain.config.chainId), ...changes };
}

const zeros = (length: number) => new Uint8Array(length);

/** Any header; `changes` say what matters. */
export function anyHeader(changes: Partial<HeaderFields> = {}): Header {
  return makeHeader({
    parentHash: zeros(32),
    unclesHash: zeros(32),
    coinbase: zeros(20),
    stateRoot: zeros(32),
    txRoot: zeros(32),
    receiptRoot: zeros(32).fill(1),
    bloom: zeros(256),
    difficulty: 1n,
    number: 0,
    gasLimit: 8_000_000n,
    gasUsed: 0n,
    time: 0,
    extra: zeros(0),
    mixDigest: zeros(32),
    nonce: zeros(8),
    ...changes,
  });
}

/** A chain of bare headers, with what is stored for each made by the test. */
export class PaperChain implements EthChain {
  readonly config = { ...devForks, chainId: 1337n };
  readonly headers: Header[] = [];
  readonly #byHash = new ByteMap<Header>();
  readonly #off = new ByteMap<Header>();
  readonly nodes = new ByteMap<Uint8Array>();
  readonly codes = new ByteMap<Uint8Array>();
  /** Hash lookups so far. */
  lookups = 0;
  bodyOf: (number: number) => Uint8Array | undefined = () => Uint8Array.of(0xc2, 0xc0, 0xc0);
  receiptsOf: (number: number) => Uint8Array | undefined = () => Uint8Array.of(0xc0);

  constructor(length: number, fields: (number: number) => Partial<HeaderFields> = () => ({})) {
    for (let number = 0; number < length; number++) {
      const header = anyHeader({
        number,
        parentHash: this.headers.at(-1)?.hash ?? zeros(32),
        ...fields(number),
      });
      this.headers.push(header);
      this.#byHash.set(header.hash, header);
    }
  }

  /** A block off the chain. */
  addSide(header: Header): void {
    this.#off.set(header.hash, header);
  }

  get genesis(): Header {
    return this.headers[0] ?? anyHeader();
  }

  get head(): Header {
    return this.headers.at(-1) ?? this.genesis;
  }

  headerByNumber(number: number): Header | undefined {
    return this.headers[number];
  }

  headerByHash(hash: Uint8Array): Header | undefined {
    this.lookups++;
    return this.#byHash.get(hash) ?? this.#off.get(hash);
  }

  isCanonical({ hash }: Pick<Header, "number" | "hash">): boolean {
    return this.#byHash.has(hash);
  }

  td(hash: Uint8Array): bigint | undefined {
    const header = this.#byHash.get(hash);
    return header === undefined ? undefined : BigInt(header.number + 1);
  }

  bodyRlp({ number }: Pick<Header, "number">): Uint8Array | undefined {
    return this.bodyOf(number);
  }

  receiptsRlp({ number }: Pick<Header, "number">): Uint8Array | undefined {
    return this.receiptsOf(number);
  }

  receipts(): undefined {
    return undefined;
  }
}

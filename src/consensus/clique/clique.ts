// long: the rules of EIP-225 for headers, from verifying to sealing
import type { Engine, HeaderReader, Signer, VerifyOptions } from "#consensus";
import { ConsensusError, verifyForkFields, verifyGas, verifyLink, verifyTime } from "#consensus";
import { type Reader, readCliqueSnapshotJson, type Writer, writeCliqueSnapshotJson } from "#core/rawdb";
import { type Block, type Header, type HeaderFields, makeHeader } from "#core/types";
import { addressOf, recover, recoverAddresses } from "#crypto";
import type { CliqueConfig } from "#params";
import { concatBytes, equalBytes, fromHex, type Hex, LruByteMap, toHex } from "#util";
import { CliqueError } from "./errors.ts";
import { addressLength, checkpointSigners, extraSeal, extraVanity, sealHash } from "./extra.ts";
import { limits } from "./limits.ts";
import {
  applyHeader,
  formatSnapshot,
  hasSignedRecently,
  isInTurn,
  isValidVote,
  makeSnapshot,
  nonceAuthVote,
  nonceDropVote,
  parseSnapshot,
  type Snapshot,
} from "./snapshot.ts";

const zeroAddress = new Uint8Array(addressLength);
const zeroHash = new Uint8Array(32);
/** keccak256(rlp([])): clique has no uncles. */
const emptyUncles = fromHex("0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");

/** Difficulty of a block sealed in turn, and of any other (clique.go:69@v1.11.6). */
export const diffInTurn = 2n;
export const diffNoTurn = 1n;

/**
 * Proof of authority (EIP-225): the signers of the chain take turns, and vote each other in and out in the
 * headers they seal. One instance serves one chain; snapshots are kept in memory (the last 128) and in the
 * database (every 1024th block).
 */
export class Clique implements Engine {
  readonly name = "clique";
  readonly #config: CliqueConfig;
  readonly #db: Reader & Writer;
  /** BOUNDED: limits.recentSnapshots, by block hash. */
  readonly #snapshots = new LruByteMap<Snapshot>(limits.recentSnapshots);
  /** Sealers by header hash. BOUNDED: limits.recentSealers. */
  readonly #sealers = new LruByteMap<Uint8Array>(limits.recentSealers);
  /** Votes to cast when sealing: address → let in (true) or out. BOUNDED: set by the operator only. */
  readonly #proposals = new Map<Hex, boolean>();

  /** @param db where snapshots are stored; the chain's own store */
  constructor(config: CliqueConfig, db: Reader & Writer) {
    this.#config = config.epoch > 0 ? config : { ...config, epoch: limits.defaultEpoch };
    this.#db = db;
  }

  /** Votes for (true) or against (false) an address in every block sealed from now on, while it makes a difference. */
  propose(address: Uint8Array, authorize: boolean): void {
    this.#proposals.set(toHex(address), authorize);
  }

  /** Stops voting on an address. */
  discard(address: Uint8Array): void {
    this.#proposals.delete(toHex(address));
  }

  /** What is voted for: address → let in (true) or out. */
  get proposals(): ReadonlyMap<Hex, boolean> {
    return new Map(this.#proposals);
  }

  /** @throws CLIQUE_MISSING_SIGNATURE, CLIQUE_INVALID_SIGNATURE */
  author(header: Header): Uint8Array {
    const known = this.#sealers.get(header.hash);
    if (known !== undefined) return known;
    const { number, extra } = header;
    if (extra.length < extraSeal) throw CliqueError("MISSING_SIGNATURE", { number });
    const key = recover(sealHash(header), extra.subarray(extra.length - extraSeal));
    if (key === undefined) throw CliqueError("INVALID_SIGNATURE", { number });
    const address = addressOf(key);
    this.#sealers.set(header.hash, address);
    return address;
  }

  /** Sealers are recovered beside this thread, and left to `author` where that could not be. */
  async checkSeals(_chain: HeaderReader, blocks: readonly Pick<Block, "header">[]): Promise<void> {
    const asked = blocks
      .map(({ header }) => header)
      .filter(({ extra, hash }) => extra.length >= extraSeal && !this.#sealers.has(hash))
      .slice(0, limits.recentSealers / 2);
    if (asked.length < limits.fewSealers) return;
    const addresses = await recoverAddresses(
      asked.map((header) => ({ hash: sealHash(header), signature: header.extra.slice(-extraSeal) })),
    );
    for (const [index, { hash }] of asked.entries()) {
      const address = addresses[index];
      if (address !== undefined) this.#sealers.set(hash, address);
    }
  }

  verifyHeader(chain: HeaderReader, header: Header, parent: Header, options: VerifyOptions): void {
    const { number } = header;
    if (number === 0) throw CliqueError("UNKNOWN_BLOCK", { number });
    verifyTime(header, options.now);
    this.#verifyShape(header);
    const { shanghaiTime } = chain.config;
    if (shanghaiTime !== undefined && shanghaiTime <= header.time)
      throw CliqueError("UNSUPPORTED_FORK", { number });
    verifyForkFields(chain.config, header);
    verifyLink(header, parent);
    if (header.time < parent.time + this.#config.period) throw CliqueError("INVALID_TIMESTAMP", { number });
    verifyGas(chain.config, header, parent);
    const snapshot = this.snapshot(chain, parent);
    if (this.#isCheckpoint(number)) verifyCheckpoint(header, snapshot);
    this.#verifySealer(header, snapshot);
  }

  verifySeal(chain: HeaderReader, header: Header, parent: Header): void {
    if (header.number === 0) throw CliqueError("UNKNOWN_BLOCK", { number: 0 });
    this.#verifySealer(header, this.snapshot(chain, parent));
  }

  difficulty(chain: HeaderReader, parent: Header, signer: Signer | undefined): bigint {
    if (signer === undefined) throw CliqueError("NO_SIGNER", { number: parent.number + 1 });
    const snapshot = this.snapshot(chain, parent);
    return isInTurn(snapshot, parent.number + 1, toHex(signer.address)) ? diffInTurn : diffNoTurn;
  }

  /** The coinbase becomes the address voted on, or zero; `draft.extra` is used for the vanity (32 bytes). */
  prepare(
    chain: HeaderReader,
    draft: HeaderFields,
    parent: Header,
    signer: Signer | undefined,
  ): HeaderFields {
    const number = parent.number + 1;
    const snapshot = this.snapshot(chain, parent);
    const isCheckpoint = this.#isCheckpoint(number);
    const vote = isCheckpoint ? undefined : this.#nextVote(snapshot, number);
    const vanity = new Uint8Array(extraVanity);
    vanity.set(draft.extra.subarray(0, extraVanity));
    const signers = isCheckpoint ? snapshot.signers.map((address) => fromHex(address)) : [];
    return {
      ...draft,
      number,
      parentHash: parent.hash,
      coinbase: vote?.address ?? zeroAddress,
      nonce: vote?.authorize === true ? nonceAuthVote : nonceDropVote,
      mixDigest: zeroHash,
      difficulty: this.difficulty(chain, parent, signer),
      time: Math.max(draft.time, parent.time + this.#config.period),
      extra: concatBytes(vanity, ...signers, new Uint8Array(extraSeal)),
    };
  }

  /** @throws CLIQUE_NO_SIGNER, CLIQUE_UNAUTHORIZED_SIGNER, CLIQUE_RECENTLY_SIGNED */
  seal(chain: HeaderReader, header: Header, signer: Signer | undefined): Header {
    const { number } = header;
    if (number === 0) throw CliqueError("UNKNOWN_BLOCK", { number });
    if (signer === undefined) throw CliqueError("NO_SIGNER", { number });
    const parent = chain.headerByHash(header.parentHash);
    if (parent === undefined) throw ConsensusError("UNKNOWN_ANCESTOR", { number });
    this.#verifyTurn(number, this.snapshot(chain, parent), toHex(signer.address));
    const signature = signer.sign(sealHash(header));
    const bare = header.extra.subarray(0, header.extra.length - extraSeal);
    return makeHeader({ ...header, extra: concatBytes(bare, signature) });
  }

  /**
   * Who may seal on top of `header`. Walks back to the nearest known snapshot: at most 1024 headers on a chain
   * whose headers were verified in order.
   * @throws CONSENSUS_UNKNOWN_ANCESTOR, or the rule a header between breaks
   */
  snapshot(chain: HeaderReader, header: Header): Snapshot {
    const pending: Header[] = [];
    let at = header;
    let base = this.#knownSnapshot(chain, at);
    while (base === undefined) {
      pending.push(at);
      const parent = chain.headerByHash(at.parentHash);
      if (parent === undefined) throw ConsensusError("UNKNOWN_ANCESTOR", { number: at.number });
      at = parent;
      base = this.#knownSnapshot(chain, at);
    }
    let snapshot = base;
    for (const next of pending.reverse()) {
      snapshot = applyHeader(snapshot, next, toHex(this.author(next)), this.#config.epoch);
      this.#keep(snapshot);
    }
    if (pending.length === 0) this.#snapshots.set(snapshot.hash, snapshot);
    return snapshot;
  }

  #keep(snapshot: Snapshot): void {
    this.#snapshots.set(snapshot.hash, snapshot);
    if (snapshot.number % limits.storeInterval === 0)
      writeCliqueSnapshotJson(this.#db, snapshot.hash, formatSnapshot(snapshot));
  }

  /** A snapshot from memory, from the database, or from a header whose list of signers is trusted. */
  #knownSnapshot(chain: HeaderReader, header: Header): Snapshot | undefined {
    const kept = this.#snapshots.get(header.hash);
    if (kept !== undefined) return kept;
    if (header.number % limits.storeInterval === 0) {
      const stored = readCliqueSnapshotJson(this.#db, header.hash);
      if (stored !== undefined) return parseSnapshot(stored);
    }
    // the genesis, or a checkpoint that our chain begins with (clique.go:394@v1.11.6)
    const isStart =
      header.number === 0 ||
      (this.#isCheckpoint(header.number) && chain.headerByHash(header.parentHash) === undefined);
    if (!isStart) return undefined;
    const snapshot = makeSnapshot(header.number, header.hash, checkpointSigners(header.extra));
    this.#keep(snapshot);
    return snapshot;
  }

  #isCheckpoint(number: number): boolean {
    return number % this.#config.epoch === 0;
  }

  /** What can be said of a header alone (clique.go:246@v1.11.6, in its order). */
  #verifyShape(header: Header): void {
    const { number, extra, nonce } = header;
    const isCheckpoint = this.#isCheckpoint(number);
    if (isCheckpoint && !equalBytes(header.coinbase, zeroAddress))
      throw CliqueError("INVALID_CHECKPOINT_BENEFICIARY", { number });
    const isDrop = equalBytes(nonce, nonceDropVote);
    if (!isDrop && !equalBytes(nonce, nonceAuthVote)) throw CliqueError("INVALID_VOTE", { number });
    if (isCheckpoint && !isDrop) throw CliqueError("INVALID_CHECKPOINT_VOTE", { number });
    if (extra.length < extraVanity) throw CliqueError("MISSING_VANITY", { number });
    if (extra.length < extraVanity + extraSeal) throw CliqueError("MISSING_SIGNATURE", { number });
    const signerBytes = extra.length - extraVanity - extraSeal;
    if (!isCheckpoint && signerBytes !== 0) throw CliqueError("EXTRA_SIGNERS", { number });
    if (signerBytes % addressLength !== 0) throw CliqueError("INVALID_CHECKPOINT_SIGNERS", { number });
    if (!equalBytes(header.mixDigest, zeroHash)) throw CliqueError("INVALID_MIX_DIGEST", { number });
    if (!equalBytes(header.unclesHash, emptyUncles)) throw CliqueError("INVALID_UNCLE_HASH", { number });
    if (header.difficulty !== diffInTurn && header.difficulty !== diffNoTurn)
      throw CliqueError("INVALID_DIFFICULTY", { number });
  }

  #verifySealer(header: Header, snapshot: Snapshot): void {
    const { number } = header;
    const sealer = toHex(this.author(header));
    this.#verifyTurn(number, snapshot, sealer);
    const want = isInTurn(snapshot, number, sealer) ? diffInTurn : diffNoTurn;
    if (header.difficulty !== want) throw CliqueError("WRONG_DIFFICULTY", { number });
  }

  #verifyTurn(number: number, snapshot: Snapshot, sealer: Hex): void {
    if (!snapshot.signers.includes(sealer)) throw CliqueError("UNAUTHORIZED_SIGNER", { number });
    if (hasSignedRecently(snapshot, number, sealer)) throw CliqueError("RECENTLY_SIGNED", { number });
  }

  /** The proposals that would change something, one after the other (geth picks by chance). */
  #nextVote(snapshot: Snapshot, number: number): { address: Uint8Array; authorize: boolean } | undefined {
    const useful = [...this.#proposals].filter(([address, authorize]) =>
      isValidVote(snapshot, address, authorize),
    );
    const chosen = useful[number % Math.max(1, useful.length)];
    return chosen === undefined ? undefined : { address: fromHex(chosen[0]), authorize: chosen[1] };
  }
}

function verifyCheckpoint(header: Header, snapshot: Snapshot): void {
  const listed = checkpointSigners(header.extra).map(toHex);
  const { signers } = snapshot;
  if (listed.length !== signers.length || listed.some((signer, i) => signer !== signers[i]))
    throw CliqueError("MISMATCHING_CHECKPOINT_SIGNERS", { number: header.number });
}

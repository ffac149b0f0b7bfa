import { type PrivateKey, publicKeyOf } from "#crypto";
import { type Enr, type EnrEntry, enrEntries, type EnrPair, enrPair, signEnr } from "#enr";
import type { Clock, Endpoint } from "#host";
import { IpTracker } from "#p2p/netutil";
import { equalBytes } from "#util";
import type { NodeDatabase } from "./database.ts";
import { type Enode, fromRecord, type NodeId, nodeIdOf } from "./node.ts";

/** One address family's endpoint, and where it may come from. */
interface Family {
  readonly tracker: IpTracker;
  staticIp: string | undefined;
  fallbackIp: string | undefined;
}

/**
 * The record of the node that runs here: entries set by its owner, the address set, predicted or guessed, signed anew when
 * something changed. The sequence number is kept in the node database, so that it grows over restarts.
 *
 * The address is, for each family: the static one, else what at least ten hosts agree on, else the fallback.
 *
 * @see geth p2p/enode/localnode.go@v1.17.5
 */
export class LocalNode {
  readonly id: NodeId;
  readonly #key: PrivateKey;
  readonly #db: NodeDatabase;
  readonly #entries = new Map<string, Uint8Array>();
  readonly #ip4: Family;
  readonly #ip6: Family;
  #fallbackUdp = 0;
  #seq: bigint;
  #node: Enode | undefined;

  constructor({
    key,
    database,
    clock,
  }: { key: PrivateKey; database: NodeDatabase; clock: Pick<Clock, "now" | "unixSeconds"> }) {
    this.id = nodeIdOf(publicKeyOf(key));
    this.#key = key;
    this.#db = database;
    const family = (): Family => ({
      tracker: new IpTracker(clock),
      staticIp: undefined,
      fallbackIp: undefined,
    });
    this.#ip4 = family();
    this.#ip6 = family();
    this.#seq = database.localSeq(this.id);
  }

  get database(): NodeDatabase {
    return this.#db;
  }

  /** Who we are now; a new version of the record is signed here if anything changed. */
  get node(): Enode {
    this.#node ??= this.#sign();
    return this.#node;
  }

  /** The record of `node`. */
  get record(): Enr {
    const { record } = this.node;
    if (record === undefined) throw new TypeError("the local node always has a record");
    return record;
  }

  get seq(): bigint {
    return this.record.seq;
  }

  /** Puts an entry into the record. Not for ip, ip6, udp and udp6, which follow the endpoint. */
  set<T>(entry: EnrEntry<T>, value: T): void {
    this.setPair(enrPair(entry, value));
  }

  /** The same for an entry encoded already. */
  setPair({ key, value }: EnrPair): void {
    const before = this.#entries.get(key);
    if (before !== undefined && equalBytes(before, value)) return;
    this.#entries.set(key, value);
    this.#node = undefined;
  }

  delete({ key }: Pick<EnrEntry<unknown>, "key">): void {
    if (this.#entries.delete(key)) this.#node = undefined;
  }

  /** Our address, known for certain: no prediction for its family from now on. Undefined takes it back (IPv4). */
  setStaticIp(ip: string | undefined): void {
    this.#family(ip).staticIp = ip;
    this.#updateEndpoint();
  }

  /** Our address if nothing better is known. */
  setFallbackIp(ip: string): void {
    this.#family(ip).fallbackIp = ip;
    this.#updateEndpoint();
  }

  /** Our UDP port if nothing better is known; 0 = no discovery. */
  setFallbackUdp(port: number): void {
    this.#fallbackUdp = port;
    this.#updateEndpoint();
  }

  /** A host (its IP address) has told us the endpoint it sees us at. */
  addEndpointStatement(host: string, endpoint: Endpoint): void {
    this.#family(endpoint.host).tracker.addStatement(host, endpoint);
    this.#updateEndpoint();
  }

  /** We have told a host of ourselves. */
  addContact(host: string): void {
    this.#family(host).tracker.addContact(host);
  }

  #family(ip: string | undefined): Family {
    return ip?.includes(":") === true ? this.#ip6 : this.#ip4;
  }

  #updateEndpoint(): void {
    const four = this.#endpointOf(this.#ip4);
    const six = this.#endpointOf(this.#ip6);
    this.#setOrDelete(enrEntries.ip, four.ip);
    this.#setOrDelete(enrEntries.ip6, six.ip);
    this.#setOrDelete(enrEntries.udp, four.udp === 0 ? undefined : four.udp);
    this.#setOrDelete(enrEntries.udp6, six.udp === 0 || six.udp === four.udp ? undefined : six.udp);
  }

  #endpointOf({ tracker, staticIp, fallbackIp }: Family): { ip: string | undefined; udp: number } {
    if (staticIp !== undefined) return { ip: staticIp, udp: this.#fallbackUdp };
    const predicted = tracker.predict();
    if (predicted !== undefined) return { ip: predicted.host, udp: predicted.port };
    return { ip: fallbackIp, udp: this.#fallbackUdp };
  }

  #setOrDelete<T>(entry: EnrEntry<T>, value: T | undefined): void {
    if (value === undefined || value === "0.0.0.0" || value === "::") this.delete(entry);
    else this.set(entry, value);
  }

  #sign(): Enode {
    this.#seq += 1n;
    this.#db.storeLocalSeq(this.id, this.#seq);
    const pairs = [...this.#entries].map(([key, value]) => ({ key, value }));
    return fromRecord(signEnr({ seq: this.#seq, pairs }, this.#key));
  }
}

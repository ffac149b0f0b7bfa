/** Who waits: several connections may come from one address. Compared by identity, as the keys of a Map. */
export interface Caller {
  readonly address: string;
  readonly connection: unknown;
}

/**
 * A line that many share: addresses have their turn one after the other, of each address its connections, of each connection what came
 * first. Who has one thing waiting is behind at most one of each other's. BOUNDED by who asks: `size`, and `makeRoom` when that is too much.
 */
export class FairQueue<T> {
  /** The next to have a turn is first, on both floors. */
  readonly #addresses = new Map<string, Map<unknown, Set<T>>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push({ address, connection }: Caller, item: T): void {
    let connections = this.#addresses.get(address);
    if (connections === undefined) this.#addresses.set(address, (connections = new Map()));
    let items = connections.get(connection);
    if (items === undefined) connections.set(connection, (items = new Set()));
    if (items.has(item)) return;
    items.add(item);
    this.#size++;
  }

  /** Takes out whose turn it is. */
  shift(): T | undefined {
    for (const [address, connections] of this.#addresses)
      for (const [connection, items] of connections)
        for (const item of items) {
          this.delete({ address, connection }, item);
          toTheEnd(connections, connection);
          toTheEnd(this.#addresses, address);
          return item;
        }
    return undefined;
  }

  /** Who has left the line. False: it was not in it. */
  delete({ address, connection }: Caller, item: T): boolean {
    const connections = this.#addresses.get(address);
    const items = connections?.get(connection);
    if (connections === undefined || items?.delete(item) !== true) return false;
    this.#size--;
    if (items.size === 0) connections.delete(connection);
    if (connections.size === 0) this.#addresses.delete(address);
    return true;
  }

  /**
   * Takes out the youngest of whoever has most in the line, for one more of `newcomer`: of the address that has at least two more than
   * the newcomer's, else of a connection of its own address that has at least two more. Undefined: nobody has.
   */
  makeRoom(newcomer: Caller): T | undefined {
    const own = this.#addresses.get(newcomer.address);
    const ownSize = own === undefined ? 0 : sizeOf(own);
    const [address, greatest] = greatestOf(this.#addresses, sizeOf) ?? [];
    if (address !== undefined && greatest !== undefined && sizeOf(greatest) >= ownSize + 2)
      return this.#takeYoungest(address, greatest, 0);
    return own === undefined
      ? undefined
      : this.#takeYoungest(newcomer.address, own, (own.get(newcomer.connection)?.size ?? 0) + 2);
  }

  #takeYoungest(address: string, connections: ReadonlyMap<unknown, Set<T>>, least: number): T | undefined {
    const [connection, items] = greatestOf(connections, (one) => one.size) ?? [];
    if (items === undefined || items.size < least) return undefined;
    const youngest = [...items].pop();
    if (youngest !== undefined) this.delete({ address, connection }, youngest);
    return youngest;
  }
}

function sizeOf(connections: ReadonlyMap<unknown, ReadonlySet<unknown>>): number {
  let sum = 0;
  for (const { size } of connections.values()) sum += size;
  return sum;
}

function greatestOf<K, V>(map: ReadonlyMap<K, V>, size: (value: V) => number): [K, V] | undefined {
  let found: [K, V] | undefined;
  for (const entry of map) if (found === undefined || size(entry[1]) > size(found[1])) found = entry;
  return found;
}

function toTheEnd<K, V>(map: Map<K, V>, key: K): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}

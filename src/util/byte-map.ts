import { LRUCache } from "lru-cache";
// one character a byte: the fastest map key measured here (house.md §2.10)
import { fromLatin1 as bytesOf, latin1Of as keyOf } from "./latin1.ts";

/** A Map whose keys are byte strings compared by content. Insertion order, like Map. */
export class ByteMap<V> {
  readonly #entries = new Map<string, V>();
  get size(): number {
    return this.#entries.size;
  }
  get(key: Uint8Array): V | undefined {
    return this.#entries.get(keyOf(key));
  }
  has(key: Uint8Array): boolean {
    return this.#entries.has(keyOf(key));
  }
  set(key: Uint8Array, value: V): this {
    this.#entries.set(keyOf(key), value);
    return this;
  }
  delete(key: Uint8Array): boolean {
    return this.#entries.delete(keyOf(key));
  }
  clear(): void {
    this.#entries.clear();
  }
  *keys(): IterableIterator<Uint8Array> {
    for (const key of this.#entries.keys()) yield bytesOf(key);
  }
  values(): IterableIterator<V> {
    return this.#entries.values();
  }
  *entries(): IterableIterator<[Uint8Array, V]> {
    for (const [key, value] of this.#entries) yield [bytesOf(key), value];
  }
  [Symbol.iterator](): IterableIterator<[Uint8Array, V]> {
    return this.entries();
  }
}

/** A Set of byte strings compared by content. */
export class ByteSet {
  readonly #keys = new Set<string>();
  constructor(values: Iterable<Uint8Array> = []) {
    for (const value of values) this.add(value);
  }
  get size(): number {
    return this.#keys.size;
  }
  has(key: Uint8Array): boolean {
    return this.#keys.has(keyOf(key));
  }
  add(key: Uint8Array): this {
    this.#keys.add(keyOf(key));
    return this;
  }
  delete(key: Uint8Array): boolean {
    return this.#keys.delete(keyOf(key));
  }
  clear(): void {
    this.#keys.clear();
  }
  *[Symbol.iterator](): IterableIterator<Uint8Array> {
    for (const key of this.#keys) yield bytesOf(key);
  }
}

/** A bounded Map: the least recently used entry leaves when `max` is passed. `undefined` is not storable. */
export class LruMap<K extends {}, V extends {}> {
  readonly #cache: LRUCache<K, V>;
  constructor(max: number) {
    this.#cache = new LRUCache<K, V>({ max });
  }
  get size(): number {
    return this.#cache.size;
  }
  get(key: K): V | undefined {
    return this.#cache.get(key);
  }
  has(key: K): boolean {
    return this.#cache.has(key);
  }
  set(key: K, value: V): this {
    this.#cache.set(key, value);
    return this;
  }
  delete(key: K): boolean {
    return this.#cache.delete(key);
  }
  clear(): void {
    this.#cache.clear();
  }
  values(): Iterable<V> {
    return this.#cache.values();
  }
}

/** `LruMap` with byte-string keys compared by content. */
export class LruByteMap<V extends {}> {
  readonly #cache: LRUCache<string, V>;
  constructor(max: number) {
    this.#cache = new LRUCache<string, V>({ max });
  }
  get size(): number {
    return this.#cache.size;
  }
  get(key: Uint8Array): V | undefined {
    return this.#cache.get(keyOf(key));
  }
  has(key: Uint8Array): boolean {
    return this.#cache.has(keyOf(key));
  }
  set(key: Uint8Array, value: V): this {
    this.#cache.set(keyOf(key), value);
    return this;
  }
  delete(key: Uint8Array): boolean {
    return this.#cache.delete(keyOf(key));
  }
  clear(): void {
    this.#cache.clear();
  }
}

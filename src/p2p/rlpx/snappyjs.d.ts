declare module "snappyjs" {
  export function compress(input: Uint8Array): Uint8Array;
  /** Throws if the claimed length is above `maxLength` or the stream does not hold; accepts streams that end early. */
  export function uncompress(input: Uint8Array, maxLength?: number): Uint8Array;
}

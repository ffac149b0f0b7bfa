// Node's own Latin-1 slice, taken from Buffer because it works on any Uint8Array: to make a Buffer first costs more than the text
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice: (this: Uint8Array, start: number, end: number) => string;
};

/** Bytes as a text of one character a byte: a key for a Map. */
export const latin1Of = (bytes: Uint8Array): string => latin1Slice.call(bytes, 0, bytes.length);

/** The bytes of such a text. */
export const fromLatin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

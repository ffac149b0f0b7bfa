import { addressOf, recover } from "./keys.ts";

/** Bytes of one question: hash (32) ‖ r (32) ‖ s (32) ‖ recovery (1). */
export const QUESTION_BYTES = 97;
export const ADDRESS_BYTES = 20;

/** Addresses of those who signed, 20 bytes each in the order of the questions; zeros where nobody did. */
export function addressesOf(questions: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = Math.floor(questions.length / QUESTION_BYTES);
  const addresses = new Uint8Array(count * ADDRESS_BYTES);
  for (let i = 0; i < count; i++) {
    const question = questions.subarray(i * QUESTION_BYTES, (i + 1) * QUESTION_BYTES);
    const key = recover(question.subarray(0, 32), question.subarray(32));
    if (key !== undefined) addresses.set(addressOf(key), i * ADDRESS_BYTES);
  }
  return addresses;
}

import type { Password } from "#accounts";
import { utf8Encode } from "#util";

/** Runs `work` on a copy of the password's bytes and overwrites the copy. A password given as text stays in the heap. */
export async function withPassword<T>(
  password: Password,
  work: (bytes: Uint8Array) => Promise<T>,
): Promise<T> {
  const bytes = typeof password === "string" ? utf8Encode(password) : password.slice();
  try {
    return await work(bytes);
  } finally {
    bytes.fill(0);
  }
}

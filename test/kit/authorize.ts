import type { Authorization } from "#core/types";
import { keccak256, type PrivateKey, sign } from "#crypto";
import { encode } from "#rlp";

/** Signs an EIP-7702 authorization. */
export function authorize(
  fields: Pick<Authorization, "chainId" | "address" | "nonce">,
  key: PrivateKey,
): Authorization {
  const message = encode([fields.chainId, fields.address, fields.nonce]);
  const { r, s, recovery } = sign(keccak256(Uint8Array.of(5), message), key);
  return { ...fields, yParity: recovery, r, s };
}

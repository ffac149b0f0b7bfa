import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bytesToBigint } from "#util";

const { G1, G2, fields } = bls12_381;
/** Order of the groups: field elements of a blob are below it. */
const ORDER = fields.Fr.ORDER;
/** [τ]G2 of the KZG ceremony: the second `g2_monomial` of trusted_setup.json (ethereum/consensus-specs presets/mainnet). */
const TAU_G2 =
  "b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72" +
  "185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2";

type Point1 = InstanceType<typeof G1.Point>;
type Point2 = InstanceType<typeof G2.Point>;
let tau: Point2 | undefined;

/** 48 bytes, compressed; undefined unless they are a point of the group. */
function point(bytes: Uint8Array): Point1 | undefined {
  try {
    const found = G1.Point.fromBytes(bytes);
    return found.isTorsionFree() ? found : undefined;
  } catch (error) {
    if (error instanceof Error) return undefined; // noble throws plain Errors for bytes that are no point
    throw error;
  }
}

const scaled1 = (base: Point1, by: bigint): Point1 => (by === 0n ? G1.Point.ZERO : base.multiply(by));
const scaled2 = (base: Point2, by: bigint): Point2 => (by === 0n ? G2.Point.ZERO : base.multiply(by));

/**
 * True if the polynomial committed to is `y` at `z`: e(C − [y], −G2) · e(π, [τ] − [z]) = 1. False for anything that is
 * no field element (32 bytes, canonical) or no point (48 bytes, compressed, in the group).
 * @see https://github.com/ethereum/consensus-specs/blob/dev/specs/deneb/polynomial-commitments.md#verify_kzg_proof_impl
 */
export function verifyKzgProof(input: {
  readonly commitment: Uint8Array;
  readonly z: Uint8Array;
  readonly y: Uint8Array;
  readonly proof: Uint8Array;
}): boolean {
  const z = bytesToBigint(input.z);
  const y = bytesToBigint(input.y);
  const commitment = point(input.commitment);
  const proof = point(input.proof);
  if (z >= ORDER || y >= ORDER || commitment === undefined || proof === undefined) return false;
  tau ??= G2.Point.fromHex(TAU_G2);
  const pairs = [
    { g1: commitment.subtract(scaled1(G1.Point.BASE, y)), g2: G2.Point.BASE.negate() },
    { g1: proof, g2: tau.subtract(scaled2(G2.Point.BASE, z)) },
  ].filter(({ g1, g2 }) => !g1.is0() && !g2.is0()); // e(O, Q) = e(P, O) = 1
  if (pairs.length === 0) return true;
  return fields.Fp12.eql(bls12_381.pairingBatch(pairs), fields.Fp12.ONE);
}

/**
 * core/bloombits: blooms of many headers turned by 90 degrees, so that a search reads a few bits of all of them instead of
 * all bits of each. Pure: sections of headers' blooms go in, vectors of bits come out and are matched.
 *
 *   4096 blooms of 2048 bits ──rotateBlooms──> 2048 vectors of 4096 bits
 *   clauses, vectors         ──matchSection──> numbers of blocks that may hold a log
 *
 * Not here: which sections are made and when (#core), where vectors are kept (#core/rawdb), logs themselves (#ethapi).
 */
export { BLOOM_BITS, matchSection, rotateBlooms, SECTION_BLOCKS, type VectorSource } from "./section.ts";

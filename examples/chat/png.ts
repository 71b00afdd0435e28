// A picture made of arithmetic, for the scripted session: a gradient with a disc on it.
import { deflateSync } from "node:zlib";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

const crc32 = (bytes: Uint8Array): number => {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
};

const chunk = (type: string, data: Uint8Array): Uint8Array => {
  const body = Buffer.concat([Buffer.from(type), data]);
  const bytes = Buffer.alloc(body.byteLength + 8);
  bytes.writeUInt32BE(data.byteLength, 0);
  body.copy(bytes, 4);
  bytes.writeUInt32BE(crc32(body), body.byteLength + 4);
  return bytes;
};

const pixel = (x: number, y: number, side: number): [number, number, number] => {
  const [u, v] = [x / side, y / side];
  const inDisc = Math.hypot(u - 0.62, v - 0.42) < 0.2;
  if (inDisc) return [255, 214, 120];
  return [Math.round(60 + 170 * v), Math.round(70 + 50 * u), Math.round(150 - 50 * v)];
};

/** A square PNG, not compressed: how zlib compresses is not the same on every runtime. */
export const drawPng = (side: number): Uint8Array => {
  const rows = Buffer.alloc(side * (1 + side * 3));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) rows.set(pixel(x, y, side), y * (1 + side * 3) + 1 + x * 3);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  // 8 bits for each of red, green and blue.
  header.set([8, 2, 0, 0, 0], 8);
  const chunks = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 0 })),
    chunk("IEND", new Uint8Array()),
  ];
  return Uint8Array.from(Buffer.concat([SIGNATURE, ...chunks]));
};

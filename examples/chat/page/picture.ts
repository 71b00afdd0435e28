import { isPictureType, Limit, type PictureInfo } from "../events.js";

export interface Picture {
  info: PictureInfo;
  bytes: Uint8Array;
}

// Tried one after another until the picture is small enough.
const ATTEMPTS = [
  { side: Limit.pictureSide, quality: 0.86 },
  { side: Limit.pictureSide, quality: 0.6 },
  { side: Limit.pictureSide / 2, quality: 0.6 },
  { side: Limit.pictureSide / 4, quality: 0.5 },
];

/** @returns the picture, small enough to be shown; undefined where the file is none */
export const readPicture = async (file: File): Promise<Picture | undefined> => {
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (bitmap === undefined) return undefined;
  try {
    for (const { side, quality } of ATTEMPTS) {
      const picture = await draw(bitmap, file.name, side, quality);
      if (picture !== undefined && picture.bytes.byteLength <= Limit.pictureBytes) return picture;
    }
    return undefined;
  } finally {
    bitmap.close();
  }
};

const draw = async (bitmap: ImageBitmap, name: string, side: number, quality: number): Promise<Picture | undefined> => {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  if (context === null) return undefined;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  // A browser that cannot write WebP writes PNG.
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/webp", quality));
  if (blob === null || !isPictureType(blob.type)) return undefined;
  const { width, height } = canvas;
  const fileName = name.trim().slice(0, Limit.fileNameLength) || "picture";
  return { info: { fileName, type: blob.type, width, height }, bytes: new Uint8Array(await blob.arrayBuffer()) };
};

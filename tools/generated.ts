/** The document with this content between its markers, `<!-- name: begin -->` and `<!-- name: end -->`. */
export const withGenerated = (document: string, name: string, content: string): string => {
  const begin = `<!-- ${name}: begin -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(`<!-- ${name}: end -->`);
  if (from === -1 || to === -1) throw new Error(`the document has no place for ${name}`);
  return `${document.slice(0, from + begin.length)}\n\n${content}\n\n${document.slice(to)}`;
};

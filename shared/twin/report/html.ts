/** Text as HTML shows it. */
export const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** A table with a caption; the first cell of each row is its header. */
export function htmlTable(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map(
    ([first = '', ...rest]) =>
      `<tr><th scope="row">${escapeHtml(first)}</th>${rest.map((c) => `<td>${escapeHtml(c)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table><caption>${escapeHtml(caption)}</caption><thead><tr>${head.map((h) => `<th scope="col">${escapeHtml(h)}</th>`).join('')}</tr></thead><tbody>${cells.join('')}</tbody></table></div>`;
}

/** A picture that is named for those who do not see it. */
export function htmlFigure(svg: string, name: string): string {
  const labelled = svg.replace('<svg ', `<svg role="img" aria-label="${escapeHtml(name)}" `);
  return `<figure>${labelled}<figcaption>${escapeHtml(name)}</figcaption></figure>`;
}

const STYLE = `
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:2rem 0 .4rem}
table{border-collapse:collapse;margin:.6rem 0;width:100%}
caption{text-align:left;color:#4b5563;padding:.2rem 0}
td,th{border-bottom:1px solid #d7dbe0;padding:.3rem .6rem;text-align:left;font-variant-numeric:tabular-nums;font-weight:400}
thead th{font-weight:600}
@media screen{.scroll{overflow-x:auto}}
figure{margin:1rem 0}figcaption{color:#4b5563;font-size:.9rem}svg{max-width:100%;height:auto}
pre{background:#f4f6f8;padding:.8rem;white-space:pre-wrap;overflow-wrap:anywhere}
.verdict{border-left:.5rem solid;padding:.4rem 1rem;margin:1rem 0;background:#f4f6f8}
.verdict strong{font-size:1.15rem}
.good{border-color:#1a7f37}.care{border-color:#9a6700}.unusable{border-color:#b00020}
@media print{body{margin:0;max-width:none;font-size:11pt}h2,tr,figure{break-inside:avoid}h2{break-after:avoid}}`;

/** A whole page that needs nothing else. */
export function htmlPage(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body.join('\n')}
</main>
</body>
</html>
`;
}

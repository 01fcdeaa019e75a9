import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { defineConfig } from 'vitepress';

const docs = resolve(import.meta.dirname, '..');

/** Pages of a folder by their titles. */
const pagesOf = (folder) =>
  readdirSync(join(docs, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => ({
      text: /^# (.+)$/m.exec(readFileSync(join(docs, folder, file), 'utf8'))?.[1] ?? file,
      link: `/${join(folder, file.replace(/\.md$/, ''))}`,
    }));

const section = (text, folder) => ({ text, collapsed: false, items: pagesOf(folder) });

export default defineConfig({
  title: 'Twinloop',
  description: 'Keeps physics models of machines true to the machines.',
  // The source of a folder is no page of the site; links between pages have to hold.
  ignoreDeadLinks: [
    /^(\.\.?\/)+(shared|cli|cloud|edge-component|simulators|recipes|test|scripts|README)/,
  ],
  markdown: { html: false },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: [
      section('Tutorials', 'tutorials'),
      section('How to', 'how-to'),
      section('Reference', 'reference'),
      section('Explanation', 'explanation'),
      {
        text: 'Theory and architecture',
        items: [
          { text: 'Architecture', link: '/architecture' },
          { text: 'Theory of the filters', link: '/theory' },
        ],
      },
    ],
  },
});

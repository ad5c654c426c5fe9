/**
 * Which pages the site has, and in which order its navigation lists them.
 *
 * @module
 */

/** A part of the navigation. */
export interface Section {
  /** Its heading. */
  readonly title: string;
  /** Markdown files, by their paths in the repository. */
  readonly pages: readonly string[];
}

/** The page that lists the decisions; no file, but made of their titles. */
export const DECISIONS = "docs/adr/README.md";

/** The navigation. */
export const SECTIONS: readonly Section[] = [
  {
    title: "Tutorials",
    pages: [
      "docs/tutorial/first-text.md",
      "docs/tutorial/own-checkpoint.md",
      "docs/tutorial/server.md",
      "docs/tutorial/drafters.md",
    ],
  },
  {
    title: "Guides",
    pages: [
      "docs/guides/choosing.md",
      "docs/guides/adding-a-scheme.md",
      "docs/guides/adding-a-drafter.md",
      "docs/guides/adding-a-family.md",
      "docs/guides/adding-a-format.md",
      "docs/training-heads.md",
    ],
  },
  {
    title: "Using it",
    pages: [
      "docs/cli.md",
      "docs/server.md",
      "docs/grammars.md",
      "docs/workers.md",
      "docs/packages.md",
      "docs/permissions.md",
      "docs/doctor.md",
      "docs/troubleshooting.md",
      "docs/errors.md",
    ],
  },
  {
    title: "How it works",
    pages: [
      "docs/architecture.md",
      "docs/speculation.md",
      "docs/quantization.md",
      "docs/performance.md",
      "docs/evaluation.md",
      "docs/bench-format.md",
      "docs/gpu-suite.md",
      DECISIONS,
    ],
  },
  {
    title: "The project",
    pages: [
      "CONTRIBUTING.md",
      "CHANGELOG.md",
      "models/demo/README.md",
      "models/smollm2/README.md",
    ],
  },
];

/** The folders beside the top that have Markdown. */
const FOLDERS = ["bench/", "docs/", "models/", "tests/data/"];

/** The Markdown files in `root` that become pages, by their paths in it, sorted. */
export function markdownFiles(root: string): string[] {
  const found: string[] = [];
  const visit = (dir: string, deep: boolean) => {
    for (const { name, isDirectory } of Deno.readDirSync(`${root}${dir}`)) {
      if (isDirectory && deep) visit(`${dir}${name}/`, true);
      else if (name.endsWith(".md")) found.push(dir + name);
    }
  };
  visit("", false);
  for (const dir of FOLDERS) visit(dir, true);
  return found.sort();
}

/** Where the page of a Markdown file lies in the site: beside where the file lies in the repository. */
export function placeOf(file: string): string {
  return file.replace(/README\.md$/, "index.md").replace(/\.md$/, ".html");
}

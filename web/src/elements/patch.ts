import type { Branch, Tree } from '../widgets/view';

/* A click is looked up when it comes, so that a new tree brings its own. */
const clicks = new WeakMap<Element, (() => void) | undefined>();

function make(tree: Tree): Node {
  if (typeof tree === 'string') return document.createTextNode(tree);
  const element = document.createElement(tree.tag);
  if (tree.onClick) element.addEventListener('click', () => clicks.get(element)?.());
  update(element, tree);
  return element;
}

function update(element: Element, { attributes, children, onClick }: Branch): void {
  clicks.set(element, onClick);
  for (const { name } of [...element.attributes]) if (!(name in attributes)) element.removeAttribute(name);
  for (const [name, value] of Object.entries(attributes))
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  patch(element, children);
}

const fits = (node: Node, tree: Tree) => (typeof tree === 'string' ? node.nodeType === 3 : node.nodeName.toLowerCase() === tree.tag);

/** Makes the children of `parent` what `trees` say, keeping the nodes that fit: focus and live regions stay. */
export function patch(parent: Node, trees: Tree[]): void {
  trees.forEach((tree, i) => {
    const node = parent.childNodes[i];
    if (!node) parent.appendChild(make(tree));
    else if (!fits(node, tree)) parent.replaceChild(make(tree), node);
    else if (typeof tree !== 'string') update(node as Element, tree);
    else if (node.nodeValue !== tree) node.nodeValue = tree;
  });
  while (parent.childNodes.length > trees.length) parent.removeChild(parent.lastChild!);
}

/**
 * Reads the public exports of a module of src/, and their docstrings. It reads only the syntax. That is enough, because every export
 * has explicit types (isolatedDeclarations).
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

const { SyntaxKind } = ts;
const kinds = new Map([
  [SyntaxKind.FunctionDeclaration, 'Function'],
  [SyntaxKind.ClassDeclaration, 'Class'],
  [SyntaxKind.VariableStatement, 'Constant'],
  [SyntaxKind.InterfaceDeclaration, 'Interface'],
  [SyntaxKind.TypeAliasDeclaration, 'Type'],
]);

/** The kinds of exports, in their order on a page. */
export const kindNames = [...kinds.values()];

/**
 * @param {string} path of a module, relative to the project's root
 * @returns {{ name: string, kind: string, node: import('typescript').Statement }[]} every export, with its declaration
 */
export function exportsOf(path) {
  return parse(path).statements.flatMap((node) => {
    if (ts.isExportDeclaration(node)) {
      const from = posix.join(posix.dirname(path), node.moduleSpecifier.text.replace(/\.js$/, '.ts'));
      return node.exportClause.elements.map(({ name, propertyName }) => ({
        ...declarationIn(from, (propertyName ?? name).text),
        name: name.text,
      }));
    }
    const isExported = ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(isExport);
    return isExported && !isInternal(node) ? [thing(node)] : [];
  });
}

function declarationIn(path, name) {
  const declared = parse(path)
    .statements.filter((node) => kinds.has(node.kind))
    .map(thing);
  return [...declared, ...exportsOf(path)].find((each) => each.name === name);
}

function thing(node) {
  const name = (node.name ?? node.declarationList.declarations[0].name).text;
  return { name, node, kind: kinds.get(node.kind) };
}

/** The public members of a class or an interface: properties and calls. The implementation of an overload does not count. */
export function membersOf(node) {
  const members = node.members.filter(isPublic);
  const isBody = (member) =>
    member.body && members.some((other) => !other.body && other.name?.getText() === member.name?.getText());
  const isCall = (member) =>
    ts.isMethodDeclaration(member) || ts.isMethodSignature(member) || ts.isConstructorDeclaration(member);
  return {
    properties: members.filter((member) => !isCall(member)),
    calls: members.filter((member) => isCall(member) && !isBody(member)),
  };
}

/** The signature as the source has it: `name(parameters): type`. */
export function signatureOf(node, name) {
  const { pos, end } = node.parameters;
  const parameters = node.getSourceFile().text.slice(pos, end).replace(/,$/, ',\n');
  return `${name}${node.questionToken ? '?' : ''}(${parameters})${node.type ? `: ${node.type.getText()}` : ''}`;
}

/** The docstring of a declaration, as Markdown. */
export function wordsOf(node) {
  return asMarkdown(ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1)?.getText() ?? '');
}

/** The comment at the top of a module, as Markdown. */
export function introOf(path) {
  const { text } = parse(path);
  const [head] = ts.getLeadingCommentRanges(text, 0) ?? [];
  return head ? asMarkdown(text.slice(head.pos, head.end)) : '';
}

function asMarkdown(comment) {
  return comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .replace(/^[ \t]*\*[ \t]?/gm, '')
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/\s*@param (\w+)\s+/g, '\n\n`$1`: ')
    .replace(/\s*@returns\s+/g, '\n\nReturns ')
    .replace(/\s*@throws\s+(LimpetError )?/g, '\n\nThrows ')
    .replace(/(?<![`\w])(ERR_LIMPET_\w+\*?|_[A-Z][A-Z_]+\*?)(?![\w`])/g, '`$1`')
    .trim();
}

const parsed = new Map();
function parse(path) {
  if (!parsed.has(path)) {
    const text = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
    parsed.set(path, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  }
  return parsed.get(path);
}

const isExport = ({ kind }) => kind === SyntaxKind.ExportKeyword;
const isHidden = ({ kind }) => kind === SyntaxKind.PrivateKeyword || kind === SyntaxKind.ProtectedKeyword;
/** `@internal` marks a member that other parts of limpet use, so that TypeScript cannot make it private. */
const isInternal = (node) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');
const isPublic = (member) =>
  !(member.name && ts.isPrivateIdentifier(member.name)) &&
  !member.modifiers?.some(isHidden) &&
  !isInternal(member);

// Elements, made without HTML as text.
export const svg = (name, attributes, ...children) => fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children)
export const html = (name, attributes, ...children) => fill(document.createElement(name), attributes, children)

function fill(node, attributes, children) {
  for (const [key, v] of Object.entries(attributes)) node.setAttribute(key, v)
  node.append(...children)
  return node
}

// rows brings a table's body to what the list says, and leaves alone what is as it was,
// so that the focus and a reader's place stay.
export function rows(body, list, keyOf, make) {
  const old = new Map([...body.children].map((tr) => [tr.dataset.key, tr]))
  const want = list.map((item) => {
    const id = keyOf(item)
    const fresh = make(item)
    const tr = old.get(id)
    if (!tr) {
      fresh.dataset.key = id
      return fresh
    }
    old.delete(id)
    ;[...fresh.children].forEach((td, i) => {
      if (tr.children[i].textContent !== td.textContent) tr.children[i].replaceWith(td)
    })
    return tr
  })
  for (const tr of old.values()) tr.remove()
  const busy = body.contains(document.activeElement) // to move it would take the focus away
  want.forEach((tr, i) => {
    if (!tr.isConnected) body.append(tr)
    if (!busy && body.children[i] !== tr) body.insertBefore(tr, body.children[i])
  })
}

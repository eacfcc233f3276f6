// The card that takes the key: before the server has taken it, nothing else is shown.
const $ = (id) => document.getElementById(id)

// state says how it goes with the server: idle, busy, good or bad.
export function state(name, text) {
  $('state').dataset.state = name
  if ($('state').textContent !== text) $('state').textContent = text
}

// accept shows the page.
export function accept() {
  $('key-card').hidden = true
  $('watch').hidden = $('actions').hidden = false
  $('key-error').textContent = $('trouble').textContent = ''
}

// trouble says why there is no answer, until there is one.
export function trouble(text) {
  $('trouble').textContent = text
  if ($('watch').hidden) $('key-error').textContent = text
}

// start has take get each key that is given, and drop forget all that was made with it. begins
// says how a key begins. It returns how a key is refused, in words.
export function start({ begins, take, drop }) {
  function forget() {
    drop()
    $('key-card').hidden = false
    $('watch').hidden = $('actions').hidden = true
    $('key-error').textContent = ''
    state('idle', 'Not connected')
  }
  function refuse(why) {
    forget()
    $('key-error').textContent = why
    $('key').focus()
  }
  $('key-form').addEventListener('submit', (event) => {
    event.preventDefault()
    const key = $('key').value.trim()
    $('key').value = ''
    $('key-error').textContent = ''
    if (!/^[\x21-\x7e]+$/.test(key)) return refuse(`That is no key: it is one long word that begins with ${begins}.`)
    state('busy', 'Connecting')
    take(key)
  })
  $('forget').addEventListener('click', () => {
    forget()
    $('key').focus()
  })
  return refuse
}

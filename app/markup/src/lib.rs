//! `view!` with the syntax of leptos, whose elements become data instead of code.
//!
//! A block of markup becomes a plan, which is a text that says what stands where, and the values
//! that fill its gaps; `app::markup` draws any plan. Components stay those of leptos.
//!
//! # The plan
//! Steps, each a letter and what belongs to it, divided by [`DIVIDER`]:
//!
//! | step | meaning |
//! |---|---|
//! | `<div`, `(svg` | an element of HTML, of SVG |
//! | ` class=field` | an attribute that never changes |
//! | `'words` | words that never change |
//! | `@title`, `.mono`, `-left`, `=value`, `!click` | the next value is an attribute, a class, a property of the style, a property, what an event does |
//! | `&` | the next value is told of the element |
//! | `+` | the next value stands here |
//! | `>` | the element ends |

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use rstml::{
    Parser, ParserConfig,
    node::{KeyedAttribute, Node, NodeAttribute, NodeElement, NodeName},
};
use syn::{Error, Expr, ExprLit, Lit, Result, spanned::Spanned as _};

/// Stands between two steps of a plan.
const DIVIDER: char = '\n';

/// Elements that are drawn as SVG wherever they stand.
const SVG: [&str; 9] = ["svg", "path", "g", "rect", "text", "circle", "line", "tspan", "title"];

/// Markup as a value that `app::markup` draws.
#[proc_macro]
pub fn view(tokens: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(tokens.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}

fn expand(tokens: TokenStream) -> Result<TokenStream> {
    let config = ParserConfig::default().recover_block(true);
    let nodes = Parser::new(config).parse_recoverable(tokens).into_result()?;
    markup(&nodes)
}

/// The expression for what stands side by side.
fn markup(nodes: &[Node]) -> Result<TokenStream> {
    let mut block = Block::default();
    block.nodes(nodes)?;
    let Block { plan, values } = block;
    Ok(match (plan.as_str(), values.as_slice()) {
        ("", []) => quote!(crate::markup::Markup::Nothing),
        ("+", [(how, value)]) => quote!(crate::markup::Markup::#how(#value)),
        _ => {
            let name = Ident::new("block", Span::mixed_site());
            let adds = values.iter().map(|(how, value)| quote!(#name.#how(#value);));
            quote!({
                let mut #name = crate::markup::Block::new(#plan);
                #(#adds)*
                #name.markup()
            })
        }
    })
}

/// A plan as it is written.
#[derive(Default)]
struct Block {
    plan: String,
    /// What adds a value, and the value.
    values: Vec<(Ident, TokenStream)>,
}

impl Block {
    fn step(&mut self, letter: char, what: &str) {
        if !self.plan.is_empty() {
            self.plan.push(DIVIDER);
        }
        self.plan.push(letter);
        self.plan.push_str(what);
    }

    fn gap(&mut self, letter: char, what: &str, how: &str, value: TokenStream) {
        self.step(letter, what);
        self.values.push((format_ident!("{how}"), value));
    }

    fn given(&mut self, letter: char, what: &str, value: &impl ToTokens) {
        let value = quote!(#[allow(unused_braces, reason = "as written")] #value);
        self.gap(letter, what, "value", value);
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<()> {
        for node in nodes {
            match node {
                Node::Comment(_) => {}
                Node::Fragment(fragment) => self.nodes(&fragment.children)?,
                // A line break within words is a space.
                Node::Text(text) => self.step('\'', &text.value_string().replace(DIVIDER, " ")),
                Node::Block(block) => self.given('+', "", block),
                Node::Element(element) if is_component(element.name()) => {
                    self.gap('+', "", "component", component(element)?);
                }
                Node::Element(element) => self.element(element)?,
                other => return Err(Error::new(other.span(), "this cannot stand in markup")),
            }
        }
        Ok(())
    }

    fn element(&mut self, element: &NodeElement<rstml::Infallible>) -> Result<()> {
        let name = element.name().to_string();
        self.step(if SVG.contains(&name.as_str()) { '(' } else { '<' }, &name);
        for attribute in element.attributes() {
            let NodeAttribute::Attribute(attribute) = attribute else {
                return Err(Error::new(attribute.span(), "an attribute needs a name"));
            };
            self.attribute(attribute)?;
        }
        self.nodes(&element.children)?;
        self.step('>', "");
        Ok(())
    }

    fn attribute(&mut self, attribute: &KeyedAttribute) -> Result<()> {
        let key = attribute.key.to_string();
        let Some(given) = attribute.value() else {
            self.step(' ', &format!("{key}="));
            return Ok(());
        };
        match key.split_once(':') {
            Some(("on", event)) => {
                let kind = match event {
                    // Leptos has no name for it.
                    "cancel" => quote!(Custom::<::leptos::ev::Event>::new(#event)),
                    _ => format_ident!("{event}").into_token_stream(),
                };
                self.gap('!', event, "event", quote!(::leptos::ev::#kind, #given));
            }
            Some(("prop", name)) => self.given('=', name, given),
            Some(("class", name)) => self.given('.', name, given),
            Some(("style", name)) => self.given('-', name, given),
            Some(_) => return Err(Error::new(attribute.key.span(), "nothing draws this")),
            None if key == "node_ref" => {
                self.gap('&', "", "reference", given.to_token_stream());
            }
            None => match given {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                    self.step(' ', &format!("{key}={}", text.value()));
                }
                _ => self.given('@', &key, given),
            },
        }
        Ok(())
    }
}

fn is_component(name: &NodeName) -> bool {
    let NodeName::Path(path) = name else { return false };
    let last = path.path.segments.last().map(|segment| segment.ident.to_string());
    last.is_some_and(|last| last.starts_with(char::is_uppercase))
}

/// A component of leptos; what stands between its tags is markup again.
fn component(element: &NodeElement<rstml::Infallible>) -> Result<TokenStream> {
    let open = &element.open_tag;
    let close = &element.close_tag;
    let children = match element.children.as_slice() {
        [] => quote!(),
        [Node::Text(text)] => quote!(#text),
        children => {
            let markup = markup(children)?;
            quote!({#markup})
        }
    };
    Ok(quote!(::leptos::prelude::view! { #open #children #close }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tokens: TokenStream) -> String {
        expand(tokens).unwrap_or_else(|error| error.to_compile_error()).to_string()
    }

    #[test]
    fn what_never_changes_is_in_the_plan_and_the_rest_fills_its_gaps() {
        let written = written(quote! {
            <p class="fine" title=why on:click=act class:mono=wide>"so " {many} <br /></p>
        });

        let plan = "<p\\n class=fine\\n@title\\n!click\\n.mono\\n'so \\n+\\n<br\\n>\\n>";
        assert!(written.contains(plan), "{written}");
        let at = |text: &str| written.find(text).unwrap_or_else(|| panic!("{text}: {written}"));
        assert!(at("why") < at("act") && at("act") < at("wide") && at("wide") < at("many"));
    }

    #[test]
    fn components_stay_those_of_leptos_and_have_markup_between_their_tags() {
        let written = written(quote!(<Panel title=t><svg><path d=d /></svg></Panel>));

        assert!(written.starts_with("crate :: markup :: Markup :: component"), "{written}");
        assert!(written.contains("< Panel title = t >"), "{written}");
        assert!(written.contains("(svg\\n(path\\n@d\\n>\\n>"), "{written}");
    }

    #[test]
    fn what_nothing_draws_does_not_compile() {
        assert!(written(quote!(<p bind:value=x></p>)).contains("nothing draws this"));
    }
}
